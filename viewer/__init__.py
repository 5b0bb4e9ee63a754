"""Draws what the API answers; knows the service only by its answers."""
