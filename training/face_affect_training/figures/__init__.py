"""The paper's table and figures, re-made from our own runs, and the page that shows them.

Small experiments are plans (plans.py) in YAML, trained cell by cell (cells.py) with the training
loop of train.py. What they measure goes into JSON files; pictures and page are made of those.
"""
