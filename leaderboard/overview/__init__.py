"""What the first page shows at first sight, as charts and HTML that the static copy uses too."""
