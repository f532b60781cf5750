"""What a run leaves behind: values to files and back."""
