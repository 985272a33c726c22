"""Does routing pay? Tasks with checkable answers, asked of both local models, decided by several routers.

`make bench-routing`, or `python -m benchmarks.routing`. The tasks are in benchmarks/routing_tasks.
"""
