"""Digs: what one meets, where only hands may dig, and what has to be shut off before."""
