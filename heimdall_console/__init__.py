"""What people touch: the command line and the console. It never loads torch, mlflow or onnx."""
