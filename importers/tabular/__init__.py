"""Tables in text files and workbooks, down to their records."""
