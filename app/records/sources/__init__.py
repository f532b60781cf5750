"""Runs wherever they were written: our executions and the stores of other programs, all read as one kind of value."""
