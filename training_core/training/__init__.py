"""Training of one run: pipeline, Lightning module, callbacks, checkpoints and resuming."""
