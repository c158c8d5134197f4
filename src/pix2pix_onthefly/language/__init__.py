"""Language models: a prompt goes in, text comes out. What is asked and how it is read is `rewriting`'s affair."""
