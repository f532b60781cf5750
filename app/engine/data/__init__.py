"""Datasets: what each one is made of, where its files come from, and the cache in front of them."""
