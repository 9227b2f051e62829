"""What all pages share: navigation, query parameters, the data of a track."""
