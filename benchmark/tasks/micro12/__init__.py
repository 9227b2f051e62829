"""Twelve tasks about the micro world, in the forms of the original study's twelve."""
