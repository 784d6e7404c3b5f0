"""Networks, their losses and the metrics they are judged by."""
