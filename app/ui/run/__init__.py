"""One run: watched while it goes on, looked at when it is over."""
