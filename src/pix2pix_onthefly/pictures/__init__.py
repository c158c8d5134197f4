"""Pictures in and out: opening, colours, fitting, saving with a recipe."""
