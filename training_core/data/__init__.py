"""Datasets on disk: the session store, its importers, splits and checks."""
