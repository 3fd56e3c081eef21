"""Every error that Inhouse raises, in one tree.

::

    InhouseError
    ├── WorkflowError                  the workflow is at fault
    │   ├── WorkflowFormatError        the file is no workflow that we can read
    │   └── WorkflowInvalidError       it was read; validation found faults (all of them are listed)
    ├── NodeError                      a node failed while it ran
    │   ├── NodeExecutionError         the node's own code raised; the cause is kept
    │   ├── NodeInputError             a value arrived that the node cannot use
    │   ├── SharedAccessError          a node touched a shared name that it did not declare
    │   ├── NotOfferedError            a custom node's code calls what Inhouse does not have
    │   ├── OutOfMemoryError           a device had fewer bytes than the node needed
    │   ├── NotFiniteError             numbers went beyond what their type can hold
    │   └── InterruptedRunError        somebody asked the run to stop; may carry a partial result
    ├── ModelError                     a model file is at fault
    │   ├── ModelNotFoundError         no file of that name in any model folder
    │   ├── ModelFormatError           the file is corrupt, truncated or not what its name says
    │   ├── ModelUnsupportedError      the file is sound, and nothing here can use it
    │   ├── ModelMismatchError         the files are sound, and made for different models
    │   ├── UnsafeModelError           loading the file could run code (pickle)
    │   ├── ModelTooLargeError         it needs more memory than there is; nothing was loaded
    │   ├── ConversionError            a model cannot be converted as asked
    │   │   ├── UnsupportedOperatorError   an operation has no counterpart in the target
    │   │   └── AccuracyError          what came out answers differently from the original
    │   └── ReceiptError               an artifact is not what its receipt says, or nobody trusted signed it
    ├── FileError                      a path outside its folder, an unreadable or unwritable file
    │   ├── PathEscapeError            the path leaves its folder
    │   ├── InputNotFoundError         a workflow names a file that the input folder does not have
    │   ├── OutputError                an output could not be written (nothing was left half-written)
    │   └── ImageError                 a picture is corrupt, or too large to open safely
    ├── RegistryError                  two packs claim the same node id, or a pack cannot be loaded
    ├── StorageError                   the database cannot be opened, read or written
    │   ├── StorageFullError           there is no room to write; nothing was lost
    │   └── StorageOwnedError          another gateway works with this database
    ├── RunError                       a run cannot be had, or cannot be accepted
    │   ├── RunNotFoundError           there is none of that id that this user may see
    │   └── RunConflictError           an idempotency key or an id was used for another run
    ├── WorkerError                    a worker is at fault
    │   ├── WorkerStartError           it cannot be started
    │   └── WorkerLostError            it died: a crash, a kill, no memory
    │       └── WorkerEndedError       it was ended, as a run in it did not stop when told
    ├── AccessError                    somebody may not do what they asked for
    │   ├── UnauthenticatedError       they did not say who they are
    │   ├── ForbiddenError             they did, and it is not theirs
    │   ├── OriginError                a page of another site asked in their name
    │   └── TooManyAttemptsError       they guessed too often
    ├── RequestError                   a request is malformed
    │   ├── NotFoundError              there is nothing at that address
    │   ├── InputsError                values do not fit a service's signature; every field at fault is named
    │   └── TooLargeError              it has more bytes than are accepted
    ├── ServiceError                   a published service is at fault, or cannot take a call
    │   ├── ServiceNotFoundError       there is no service, or no version, of that name
    │   ├── ServiceConflictError       a change does not fit the state the service is in
    │   ├── PublishError               what was to be published cannot be served as it is
    │   ├── OverloadedError            it has more to do than it can do in time; try again later
    │   ├── DeadlineError              the caller's time was over before the work was begun
    │   └── RemoteError                an endpoint elsewhere did not answer as it should
    ├── UsageError                     a command line asks for what there is not
    │   └── ChangeError                a change names a node or an input that the workflow does not have
    └── InternalError                  Inhouse itself is at fault; the cause is kept

Each class has a stable ``code``; each message names the culprit and says what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class InhouseError(Exception):
    """Base of all errors of Inhouse. The message is meant to be shown to the user as it is.

    Attributes:
        code: a stable, machine-readable name of the kind of error.
        node_id: the node at fault, where one is; ``input_name`` its input.
        hint: what the user can do next; empty when the message already says it.

    """

    code: ClassVar[str] = "error"

    def __init__(
        self, message: str, *, hint: str = "", node_id: str | None = None, input_name: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.node_id = node_id
        self.input_name = input_name

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """Return the error as JSON-ready data, without empty fields."""
        names = ("code", "message", "hint", "node_id", "input_name", "layer")
        return {name: value for name in names if (value := getattr(self, name, None))}


class WorkflowError(InhouseError):
    """The workflow is at fault."""

    code = "workflow_error"


class WorkflowFormatError(WorkflowError):
    """The file is no workflow that we can read."""

    code = "workflow_format"


class NodeError(InhouseError):
    """A node failed while it ran."""

    code = "node_error"


class NodeExecutionError(NodeError):
    """The node's own code raised an exception, kept as ``__cause__``."""

    code = "node_failed"


class NodeInputError(NodeError):
    """A value arrived that the node cannot use."""

    code = "node_input_invalid"


class SharedAccessError(NodeError):
    """A node read or wrote a name of ``context.shared`` that it did not declare."""

    code = "shared_undeclared"


class NotOfferedError(NodeError):
    """A custom node's code calls something of ComfyUI's that Inhouse does not have; the message names it."""

    code = "not_offered"


class OutOfMemoryError(NodeError):
    """A device had fewer free bytes than the node needed."""

    code = "out_of_memory"


class NotFiniteError(NodeError):
    """A computation came to NaN or infinity, of which nothing but black pictures can be made."""

    code = "not_finite"


class InterruptedRunError(NodeError):
    """Somebody asked the run to stop; ``partial`` is what the node had so far, None when it had nothing."""

    code = "interrupted"

    def __init__(self, message: str = "The run was interrupted.", *, partial: object = None) -> None:
        super().__init__(message)
        self.partial = partial


class ModelError(InhouseError):
    """A model file is at fault."""

    code = "model_error"


class ModelNotFoundError(ModelError):
    """No file of that name lies in any folder for that kind of model."""

    code = "model_not_found"


class ModelFormatError(ModelError):
    """The file is corrupt, truncated or not what its name says."""

    code = "model_format"


class ModelUnsupportedError(ModelError):
    """The file is sound, and nothing here can use it."""

    code = "model_unsupported"


class ModelMismatchError(ModelError):
    """The files are sound, and do not belong together: a LoRA or a ControlNet of another family than the model."""

    code = "model_mismatch"


class UnsafeModelError(ModelError):
    """Loading the file could run code that lies in it (pickle)."""

    code = "model_unsafe"


class ModelTooLargeError(ModelError):
    """A model needs more memory than there is; nothing was loaded."""

    code = "model_too_large"


class ConversionError(ModelError):
    """A model cannot be converted as asked."""

    code = "conversion_failed"


class UnsupportedOperatorError(ConversionError):
    """Operations have no counterpart in the target; the message names them and the fallback that was tried."""

    code = "operator_unsupported"

    def __init__(self, message: str, *, operators: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.operators = tuple(operators)


class AccuracyError(ConversionError):
    """A converted model answers differently: ``layer`` is the first that does, ``checks`` are all comparisons made."""

    code = "accuracy_lost"

    def __init__(self, message: str, *, layer: str = "", checks: Sequence[object] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.layer = layer
        self.checks = tuple(checks)


class ReceiptError(ModelError):
    """An artifact is not what its receipt says, or nobody who is trusted signed it."""

    code = "receipt_invalid"


class FileError(InhouseError):
    """A file cannot be read or written."""

    code = "file_error"


class PathEscapeError(FileError):
    """A path leaves the folder it is meant to stay in."""

    code = "path_escape"


class InputNotFoundError(FileError):
    """A workflow names a file that the input folder does not have."""

    code = "input_not_found"


class OutputError(FileError):
    """An output could not be written; nothing was left half-written."""

    code = "output_unwritable"


class ImageError(FileError):
    """A picture is corrupt, or too large to open safely."""

    code = "image_unreadable"


class RegistryError(InhouseError):
    """Two packs claim the same node id, or a pack cannot be loaded."""

    code = "registry_error"


class StorageError(InhouseError):
    """The database cannot be opened, read or written."""

    code = "storage_error"


class StorageFullError(StorageError):
    """There is no room to write; what was accepted before is safe."""

    code = "storage_full"


class StorageOwnedError(StorageError):
    """Another gateway works with this database."""

    code = "storage_owned"


class RunError(InhouseError):
    """A run cannot be had, or cannot be accepted."""

    code = "run_error"


class RunNotFoundError(RunError):
    """There is no run of that id that this user may see."""

    code = "run_not_found"


class RunConflictError(RunError):
    """An idempotency key or a run's id was used for another run."""

    code = "run_conflict"


class WorkerError(InhouseError):
    """A worker is at fault."""

    code = "worker_error"


class WorkerStartError(WorkerError):
    """A worker cannot be started."""

    code = "worker_start"


class WorkerLostError(WorkerError):
    """A worker died: it crashed, was killed, or had no memory left."""

    code = "worker_lost"


class WorkerEndedError(WorkerLostError):
    """A worker was ended because a run that was cancelled did not stop; whatever else it ran is not to blame."""

    code = "worker_ended"


class AccessError(InhouseError):
    """Somebody may not do what they asked for."""

    code = "access_denied"


class UnauthenticatedError(AccessError):
    """A request does not say whose it is."""

    code = "unauthenticated"


class ForbiddenError(AccessError):
    """A request is for what belongs to somebody else."""

    code = "forbidden"


class OriginError(AccessError):
    """A page of another site sent the request."""

    code = "foreign_origin"


class TooManyAttemptsError(AccessError):
    """Somebody sent too many wrong tokens; ``seconds`` from now they may try again."""

    code = "too_many_attempts"

    def __init__(self, message: str, *, seconds: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class RequestError(InhouseError):
    """A request is malformed."""

    code = "request_invalid"


class NotFoundError(RequestError):
    """There is nothing at that address."""

    code = "not_found"


class InputsError(RequestError):
    """Values do not fit a service's signature; ``fields`` says by path, such as ``inputs.texts.0``, what is wrong."""

    code = "inputs_invalid"

    def __init__(self, fields: Mapping[str, str], *, hint: str = "") -> None:
        super().__init__("; ".join(f"{path}: {problem}" for path, problem in fields.items()), hint=hint)
        self.fields = dict(fields)
        self.args = (self.fields,)  # what it is made of again in another process


class TooLargeError(RequestError):
    """A request has more bytes than are accepted."""

    code = "too_large"


class ServiceError(InhouseError):
    """A published service is at fault, or cannot take a call."""

    code = "service_error"


class ServiceNotFoundError(ServiceError):
    """There is no service, or no version of it, of that name."""

    code = "service_not_found"


class ServiceConflictError(ServiceError):
    """A change does not fit the state that the service is in."""

    code = "service_conflict"


class PublishError(ServiceError):
    """What was to be published cannot be served as it is."""

    code = "publish_refused"


class OverloadedError(ServiceError):
    """A service has more to do than it can do in time; in ``seconds`` there may be room."""

    code = "overloaded"

    def __init__(self, message: str, *, seconds: float = 1, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class DeadlineError(ServiceError):
    """The caller's time was over before the work was begun."""

    code = "deadline_exceeded"


class RemoteError(ServiceError):
    """An endpoint elsewhere did not answer as it should."""

    code = "remote_failed"


class UsageError(InhouseError):
    """A command line asks for what there is not."""

    code = "usage"


class ChangeError(UsageError):
    """A change names a node or an input that the workflow does not have."""

    code = "change_unknown"


class InternalError(InhouseError):
    """Inhouse itself is at fault; what was raised is kept as ``__cause__``."""

    code = "internal_error"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a workflow.

    Attributes:
        code: stable name of the kind, such as ``value_not_in_list``; ``message`` says what is wrong, in a sentence.
        node_id: the node at fault, empty when the whole workflow is; ``input_name`` likewise its input.
        hint: what to do about it.
        details: machine-readable facts (received value, wanted type, choices).

    """

    code: str
    message: str
    node_id: str = ""
    input_name: str = ""
    hint: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        place = f"node {self.node_id}" if self.node_id else "workflow"
        where = f"{place}, input {self.input_name}" if self.input_name else place
        return f"{where}: {self.message} {self.hint}".rstrip()


class WorkflowInvalidError(WorkflowError):
    """The workflow was read, and validation found faults; ``faults`` has all of them."""

    code = "workflow_invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
