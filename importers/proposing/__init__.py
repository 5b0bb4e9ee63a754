"""What an unknown delivery may be: columns told by names and values, and a profile proposed."""
