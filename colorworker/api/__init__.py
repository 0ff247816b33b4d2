"""The public Python API; `docs/python.md` shows it. Import it as `import colorworker as cw`.

Functions do what the command of the same name does, with the same options as keywords, and return
frozen values. Where a command would exit with code 2, they raise a `ColorworkerError`.
"""
