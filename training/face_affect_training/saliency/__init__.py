"""Which pixels a decision rests on: gradients as TFLite graphs, their proof, and reports."""
