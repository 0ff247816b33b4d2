"""Networks of other projects: ONNX files, TensorFlow SavedModels and Keras files."""
