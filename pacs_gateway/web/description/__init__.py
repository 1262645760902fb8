"""What `/api/openapi.json` says of every route (OpenAPI 3.1), written beside the code that serves it.

Most routes are plain Starlette routes, which cost less per request than FastAPI's and say nothing
of themselves. Their keys here are those of the access table, and a test compares both.
"""
