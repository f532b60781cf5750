"""Charts of metrics: data kept ready to be drawn, panels that draw it, and a page of all metrics of one run."""
