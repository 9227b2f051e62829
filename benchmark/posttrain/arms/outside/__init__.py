"""Arms whose code is not in this package: a file of the user, or an installed package."""
