"""How numbers are computed, and the products that have the same bits on every machine that can have them."""
