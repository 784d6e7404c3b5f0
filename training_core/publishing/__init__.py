"""What leaves a run: exported models, the object store, MLflow and the model registry."""
