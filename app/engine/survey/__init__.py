"""Looks at data of the user's own before there is a config for it: what is there, of what type, and some samples."""
