"""Many edits that outlive whatever ends the program: listed, cut into units of one picture, kept by content."""
