"""LTP: checks of its directories, loading, words and tags of sentences; everything else about
words lies one room up.
"""
