"""Instruction to captions before and after the edit (paper 3.2 and 5): the prompt, its examples, the reply."""
