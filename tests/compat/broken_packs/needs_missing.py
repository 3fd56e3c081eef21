# mypy: ignore-errors
import a_package_that_nobody_has

NODE_CLASS_MAPPINGS = {"B.Never": a_package_that_nobody_has.Node}
