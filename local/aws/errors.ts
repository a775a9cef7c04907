/** An error that local AWS answers in the wire format of the service that raised it. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  /** The service's own error code, for example `ConditionalCheckFailedException`. */
  readonly awsCode: string;
  readonly status: number;
  /** Further members of the answer's body, for example `CancellationReasons`. */
  readonly extra: Record<string, unknown>;

  constructor(awsCode: string, message: string, status = 400, extra: Record<string, unknown> = {}) {
    super(message);
    this.awsCode = awsCode;
    this.status = status;
    this.extra = extra;
  }
}
