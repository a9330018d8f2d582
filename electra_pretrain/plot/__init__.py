"""Curves of pretraining runs, as a picture or as a page; matplotlib is imported only where it draws."""
