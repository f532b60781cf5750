"""What is done to features before the model sees them: preprocessors, which learn nothing, and transformers."""
