"""How figures look: charts, columns, tables, wording."""
