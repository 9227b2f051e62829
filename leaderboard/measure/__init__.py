"""Waiting times, a browser for the tests, screenshots."""
