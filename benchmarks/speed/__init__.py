"""The programs that benchmarks/speed.py runs side by side, and the tables that it makes of them."""
