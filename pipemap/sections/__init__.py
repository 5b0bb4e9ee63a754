"""Views of the underground along a line: the cross-section."""
