/**
 * Every limit of the system has its name, unit and reason here. Those marked (setting) can be changed by configuration;
 * the value here is then the default.
 */

// ---- the task ---------------------------------------------------------------------------------------------

/** Ids become file names and labels; 128 characters hold a UUID, a ULID, or `tenant:order:12345`. */
export const ID_LENGTH_MAX = 128
export const TYPE_LENGTH_MAX = 128
export const QUEUE_LENGTH_MAX = 64
export const URL_LENGTH_MAX = 2_048
/** Longest `key` or `dedupeKey`. */
export const KEY_LENGTH_MAX = 256
export const METADATA_ENTRIES_MAX = 32
/** Characters of all metadata keys and values together: it travels with every delivery. */
export const METADATA_LENGTH_MAX = 4096

export const QUEUE_DEFAULT = 'default'

export const PRIORITY_MIN = 0
export const PRIORITY_MAX = 9
export const PRIORITY_DEFAULT = 4

export const ATTEMPTS_DEFAULT = 5
export const ATTEMPTS_MAX = 1000
/** Worker deaths that a task may be involved in before it is taken for poison. */
export const CRASHES_DEFAULT = 3
export const CRASHES_MAX = 100

export const BACKOFF_BASE_MS = 1_000
export const BACKOFF_MAX_MS = 300_000
/** Longest explicit list of delays. */
export const BACKOFF_LIST_MAX = 100
/** Ten years: beyond it a date is a mistake of units. */
export const DELAY_MS_MAX = 10 * 365 * 86_400_000
/** How long a dedupe key is held when the client does not say. */
export const DEDUPE_WINDOW_MS_DEFAULT = 3_600_000
/** A day: an attempt that may take longer should report progress and be split. */
export const TIMEOUT_MS_MAX = 86_400_000

/** Characters of an error's name, message and stack that are kept with a task. */
export const ERROR_NAME_LENGTH_MAX = 256
export const ERROR_MESSAGE_LENGTH_MAX = 4_096
export const ERROR_STACK_LENGTH_MAX = 16_384

export const LOG_LINES_MAX = 1_000
export const LOG_LINE_LENGTH_MAX = 4_096
/** Characters of a progress note. */
export const NOTE_LENGTH_MAX = 512
/** What a schema found wrong, that a message names: enough to act on. */
export const INPUT_ISSUES_MAX = 5

// ---- the wire ---------------------------------------------------------------------------------------------

/** (setting) Where a distributor listens, as in the seed. */
export const PORT_DEFAULT = 5000
/** (setting) One message, in bytes: holds the largest payload. */
export const FRAME_BYTES_MAX = 4 * 1024 * 1024
/** Nesting of JSON values: deeper input is an attack on recursive code, not data. */
export const JSON_DEPTH_MAX = 128
/** Characters of a message that is parsed before anyone looks at its depth: the parser's own memory for them is small. */
export const PARSE_UNSCANNED_LENGTH_MAX = 65_536
/** Entries of a JSON-RPC batch, and tasks, outcomes or ids of one request. */
export const BATCH_ENTRIES_MAX = 10_000
/** (setting) A message that was begun must be complete after this long. */
export const MESSAGE_STALL_MS = 10_000
/** (setting) Bytes waiting for a reader that does not read, before it is paused and given SLOW_READER_MS. */
export const OUTBOX_BYTES_MAX = 16 * 1024 * 1024
/** Characters that one write to a socket is made of at most: the text of a busy turn leaves in pieces, so that it is not held twice. */
export const OUTBOX_WRITE_LENGTH_MAX = 1024 * 1024
/** (setting) A connection whose outbox stays over its limit for this long is closed. */
export const SLOW_READER_MS = 30_000
/** A TLS handshake must be over after this long: three round trips of the slowest network, and the stranger costs nothing any more. */
export const HANDSHAKE_MS = 10_000
/** Certificates and the like are looked at again after this long; what changed is taken when it stayed the same for one more look. */
export const FILE_LOOK_MS = 1_000
/** Before somebody has said who he is, where that is asked for: one message (a hello with its token), how long it may take him, and how many such
 * connections an address may have at a time. */
export const STRANGER_FRAME_BYTES_MAX = 16 * 1024
export const HELLO_MS = 10_000
export const STRANGERS_PER_ADDRESS_MAX = 64
/** Wrong tokens that an address may show without waiting; then it waits from the second to the third, twice as long after each. Addresses that are
 * remembered for that. */
export const LOGIN_FAILURES_FREE = 5
export const LOGIN_WAIT_MIN_MS = 250
export const LOGIN_WAIT_MAX_MS = 60_000
export const LOGIN_WATCHED_MAX = 10_000
/** Connections are held against the tokens as they are now at least this often: how late an expiry may be noticed. */
export const ACCESS_CHECK_MS = 1_000
/** Of the audit log, waiting for a disk that is slow or full; beyond it entries are counted instead. */
export const AUDIT_BYTES_WAITING_MAX = 8 * 1024 * 1024
/** (limits in the tokens file) What identities have stored is looked at this often while they submit; who stores too much may come again after the second. */
export const STORED_LOOK_MS = 1_000
export const STORED_RETRY_AFTER_MS = 5_000
/** Ids that one entry of the audit log names. */
export const AUDIT_IDS_MAX = 1_000
/** Refusals of strangers that are written down one by one in a minute, of one address; the others are counted. Addresses that are watched for that. */
export const AUDIT_STRANGERS_PER_MINUTE = 60
/** (setting) Lines of the audit log in PostgreSQL are kept for this long; they are looked through for old ones this often. */
export const AUDIT_RETENTION_MS = 400 * 86_400_000
export const AUDIT_PURGE_MS = 3_600_000
/** Lines of one statement, old ones that one statement forgets, and how long after a failure it is tried again. */
export const AUDIT_BATCH = 500
export const AUDIT_PURGE_BATCH = 5_000
export const AUDIT_RETRY_MS = 1_000
/** What a process that ends allows the table to take its last lines. */
export const AUDIT_CLOSE_MS = 5_000
/** (setting) Open connections of one distributor. */
export const CONNECTIONS_MAX = 10_000
/** A PROXY header with all that a balancer may add to it. The addresses take 232 bytes at most; names and certificates come on top. */
export const PROXY_HEADER_BYTES_MAX = 4_096
/** A trusted balancer that must send a PROXY header, or has begun one, must have finished it after this long: it sends it at once, and the
 * specification asks for at least 3 s, which covers a lost packet. */
export const PROXY_HEADER_MS = 5_000
/** Requests of one connection that are not answered yet; beyond it the socket is not read. */
export const REQUESTS_IN_FLIGHT_MAX = 10_000
/** `task.watch` subscriptions of one connection, and the tasks that it may wait for, or watch by id, at a time. */
export const WATCHES_MAX = 1_000
export const WAITS_MAX = 100_000
/** Consumers of one connection: a worker needs one for each mix of queues and types that it treats differently. */
export const CONSUMERS_MAX = 100
/** Messages of all connections that were begun and are not complete, together. */
export const INTAKE_BYTES_MAX = 256 * 1024 * 1024
/** A connection that is closed with an error is read for this long, and what it says thrown away: closing with unread bytes would
 * reset it, and the error would be lost on the way. */
export const LINGER_MS = 2_000
/** The kernel asks a silent peer for a sign of life after this long, and gives it up after ten unanswered seconds more. */
export const KEEPALIVE_MS = 30_000
/** Records that a reply is put together from at a time, so that a long one does not hold all of them twice. */
export const READ_SLICE_TASKS = 64
/** Characters of one reply; beyond it the client must ask for less at a time. */
export const REPLY_LENGTH_MAX = 64 * 1024 * 1024
/** Replies that are read from the store at a time for one connection; the others wait their turn. */
export const READS_AT_A_TIME = 8
/** Messages of one connection that are taken in one turn of the loop, before the others have theirs; one that is answered with an
 * error counts for several, for errors are dearer than anything else that a peer can ask for so cheaply. */
export const TURN_MESSAGES_MAX = 1_000
export const BAD_MESSAGE_COST = 20
/** Characters of one `work.deliver` notification: a batch of large payloads goes out in several. */
export const DELIVER_LENGTH_MAX = 1024 * 1024
/** A `task.wait` answers after this long at the latest; clients ask again. */
export const WAIT_MS_MAX = 3_600_000
export const WAIT_MS_DEFAULT = 30_000

/** A client that heard nothing for this long asks for a sign of life, and takes the peer for dead when none comes in time. Together
 * they stay well below a lease, so that a worker behind a dead connection can come back before its leases lapse. */
export const SILENCE_MS = 2_000
export const PING_TIMEOUT_MS = 3_000
/** One reply, in bytes, that a client reads: a page of many large tasks, and less than the longest string of V8. */
export const REPLY_BYTES_MAX = 256 * 1024 * 1024
/** Requests of one client that are not answered yet, and characters of their params: what a dead server makes it hold. */
export const LINK_REQUESTS_MAX = 200_000
export const LINK_REQUESTS_LENGTH_MAX = 256 * 1024 * 1024
/** A wait of a client asks the server for this long at a time, so that one that was given up does not stay there for long. */
export const REMOTE_WAIT_MS = 300_000
/** The answer to a wait may come this long after its deadline. */
export const WAIT_REPLY_MS = 10_000
/** Ids that a client asks for in one request: their records should fit in one reply. */
export const GET_IDS_MAX = 1_000
/** On closing, a client waits this long for answers that are under way. */
export const CLOSE_TIMEOUT_MS = 5_000
/** Deadlines of requests are looked at no more often than this while many are open: one sweep, no timer for each. */
export const DEADLINE_SWEEP_MS = 20

// ---- HTTP -------------------------------------------------------------------------------------------------

/** (setting) Where a distributor speaks HTTP. */
export const HTTP_PORT_DEFAULT = 8080
/** An idle connection is kept for this long: more than the minute after which most balancers close theirs, so that they are the ones to do it. */
export const HTTP_KEEP_ALIVE_MS = 75_000
/** How often requests that are not complete are held against their deadlines. */
export const HTTP_TIMEOUTS_CHECK_MS = 1_000
/** Characters of an `Idempotency-Key`. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 256
/** A browser that has shown a token is asked again after this long; and browsers that are remembered. */
export const BROWSER_SESSION_MS = 12 * 3_600_000
export const BROWSER_SESSIONS_MAX = 10_000
/** Calls of webhooks: of one, from its name to its answer; those at a time; and those in hand, each waiting for its task to end. */
export const WEBHOOK_CALL_MS = 10_000
export const WEBHOOK_CALLS_AT_A_TIME = 64
export const WEBHOOKS_HELD_MAX = 4_096
/** Who waits for a task looks at it again after this long at the latest. */
export const WEBHOOK_LOOK_MS = 60_000
/** A call that failed is made again after the first of these, then twice as long each time up to the second: for about a day, all in all. Deaths of
 * distributors meanwhile are counted apart. */
export const WEBHOOK_RETRY_MIN_MS = 2_000
export const WEBHOOK_RETRY_MAX_MS = 3_600_000
export const WEBHOOK_ATTEMPTS_MAX = 34
export const WEBHOOK_CRASHES_MAX = 100
/** Characters of a call; beyond it the result is left out. */
export const WEBHOOK_BODY_LENGTH_MAX = 256 * 1024
/** `/readyz` looks at the store no more often than this, whoever asks how often; and no answer after the second is an answer. */
export const READY_LOOK_MS = 1_000
export const READY_PATIENCE_MS = 5_000
/** Events that one feed keeps, for streams that are slow and browsers that come back, and characters of their log lines and notes. */
export const EVENTS_KEPT_MAX = 4_096
export const EVENTS_KEPT_LENGTH_MAX = 4 * 1024 * 1024
/** Different things that are listened to at a time: each looks at every event. Those by id are found by id, and bounded by the ids together. */
export const EVENT_FEEDS_MAX = 32
export const EVENT_FEED_IDS_MAX = 100_000
/** A feed that nobody listens to any more waits this long for a browser that comes back. */
export const EVENT_FEED_LINGER_MS = 30_000
/** Streams of one distributor. */
export const EVENT_STREAMS_MAX = 2_000
/** Events that one stream gets in one turn, and how many bytes of it may wait for a reader before it gets no more. */
export const EVENTS_A_TURN_MAX = 500
export const EVENT_STREAM_OUTBOX_BYTES_MAX = 256 * 1024
/** Streams have their turn this often at most, so many of them at a stretch, and turns take this share of the time of the loop. */
export const EVENT_TURN_MS = 100
export const EVENT_STREAMS_A_SLICE = 50
export const EVENT_TURN_SHARE = 0.04
/** A stream says something at least this often, so that nobody in between takes it for dead. */
export const EVENT_BEAT_MS = 15_000

// ---- the engine -------------------------------------------------------------------------------------------

/** Tasks of one group commit: bounds the time that the loop is busy with one transaction. */
export const COMMIT_TASKS_MAX = 1_024
/** Characters of payloads that one turn hands out: large ones leave in several turns, so that they are not all in memory at once. */
export const TURN_PAYLOAD_LENGTH_MAX = 16 * 1024 * 1024
/** Submitted tasks that wait for their commit; beyond it callers hear RETRY_AFTER. */
export const PENDING_TASKS_MAX = 65_536
export const PENDING_BYTES_MAX = 64 * 1024 * 1024
export const RETRY_AFTER_MS = 250
/** After a commit that failed, the engine tries again by itself, and callers are told to, after this long: a full disk is not free at once. */
export const STORE_RETRY_MS = 1_000
/** (setting) A lease not renewed for this long is lost. Workers renew after a third of it. */
export const LEASE_MS = 10_000
/** (setting) After a connection is lost its leases stay this long for the worker to come back. */
export const RECONNECT_GRACE_MS = 3_000
/** Ready tasks of one lane held in memory; the rest stays on disk. */
export const WINDOW_TASKS_MAX = 1_024
/** (setting) Tasks that a memory engine holds, final ones included; beyond it submissions hear RETRY_AFTER. */
export const MEMORY_TASKS_MAX = 1_000_000
/** Payloads longer than this are not held in the window but read when delivered. */
export const WINDOW_PAYLOAD_LENGTH_MAX = 4_096
/** Slots times prefetch of one consumer. */
export const CREDIT_MAX = 4_096
/** (setting) How long final tasks are kept, and those of the dead-letter set. */
export const RETENTION_MS = 86_400_000
export const FAILED_RETENTION_MS = 14 * 86_400_000
/** Rows that one purge step deletes at most, so that it never blocks the loop for long. */
export const PURGE_ROWS_MAX = 500
/** Between two looks for results that are too old, and between two that go through all of them. */
export const PURGE_PAUSE_MS = 60_000
export const PURGE_FULL_MS = 3_600_000
/** Leases end at many different moments; they are looked through at most this often. */
export const LAPSE_CHECK_MS = 100
/** Documents of results that are written at the same time. */
export const DOCUMENTS_AT_ONCE_MAX = 16
/** How long to wait after one could not be written: the first, then twice as long each time, up to the second. */
export const DOCUMENT_RETRY_MS = 1_000
export const DOCUMENT_RETRY_MAX_MS = 30_000
/** Documents that a member of a cluster took and has not written after this long are taken by another. */
export const DOCUMENT_TAKEN_MS = 30_000
/** On closing, documents that are not written yet have this long; the others are written after the next opening. */
export const DOCUMENT_DRAIN_MS = 5_000
/** Rows that one `task.list` call may look at before it returns what it has, with a cursor. */
export const LIST_SCAN_MAX = 2_000
/** Where tasks are left out by time or text, rows are asked for in slices; a small one counts as this many rows. */
export const LIST_SLICE_COST = 20
/** Tasks are listed in the order in which they were accepted; their times may differ from it by this much. */
export const LIST_TIME_SLACK_MS = 60_000
export const LIST_LIMIT_DEFAULT = 100
export const LIST_LIMIT_MAX = 1_000
/** Tasks that one `task.retry` by filter takes up; call again while it says `more`. */
export const RETRY_BATCH_MAX = 1_000
/** Tasks that one `queue.purge` cancels; call again with its cursor. */
export const QUEUE_PURGE_MAX = 500
/** Who meets a full queue may come again after this long. */
export const QUEUE_FULL_RETRY_MS = 1_000
/** Tasks that are counted before one that is explained, rows that the cluster looks at for that, and workers that are named. */
export const EXPLAIN_AHEAD_MAX = 1_000
export const EXPLAIN_SCAN_MAX = 10_000
export const EXPLAIN_TAKERS_MAX = 20
/** (setting) Submissions are refused while the disk has less than this free. */
export const DISK_FREE_BYTES_MIN = 128 * 1024 * 1024
export const DISK_RETRY_AFTER_MS = 5_000
/** The write-ahead log is checkpointed when it is longer than this. */
export const WAL_BYTES_MAX = 16 * 1024 * 1024
/** Hints can be lost: whoever waits looks at the truth again after this long. */
export const HINT_RECHECK_MS = 5_000
/** A temporary file of an object folder that nobody wrote to for this long was left behind by a crash. */
export const OBJECT_LEFTOVER_AGE_MS = 3_600_000

// ---- the broker -------------------------------------------------------------------------------------------

/** One host has this long for connection, log-in and channels, before the next is tried. */
export const BROKER_CONNECT_MS = 10_000
/** Reconnecting waits between the first two, exponential with jitter; a connection that held for the third begins anew. Channels that the
 * broker closes are made again by the same rule. */
export const BROKER_RECONNECT_MIN_MS = 100
export const BROKER_RECONNECT_MAX_MS = 10_000
export const BROKER_STEADY_MS = 10_000
/** A broker that was silent for two of these is given up within a third. */
export const BROKER_HEARTBEAT_MS = 5_000
/** A question to the broker (declare, look) that is not answered after this long. */
export const BROKER_CALL_MS = 15_000
/** A queue that does not give, or take a consumer, in this time has no leader; a new one is elected in less. */
export const BROKER_SILENCE_MS = 10_000
/** A message that is not confirmed after this long, while the broker takes messages: its queue has no majority, or no leader at all. */
export const BROKER_CONFIRM_MS = 15_000
/** Messages that were sent and are not confirmed yet; the others wait here. */
export const BROKER_UNCONFIRMED_MAX = 8_192
/** Messages that wait while the broker takes none; beyond it they are refused. */
export const BROKER_WAITING_MAX = 100_000
/** On closing, acks that are under way have this long. */
export const BROKER_CLOSE_MS = 3_000
/** Deliveries of one message, after which a quorum queue drops it. It is a number because the default of RabbitMQ 4 is 20, and "without
 * limit" (-1) means "drop at once" to RabbitMQ 3; this one is the greatest that all versions take. */
export const BROKER_DELIVERIES_MAX = 2 ** 31 - 1
/** News that one process has not read yet; the oldest go first. */
export const BROKER_NEWS_WAITING_MAX = 10_000
/** Bytes of the name of a queue or exchange, in AMQP. */
export const BROKER_NAME_BYTES_MAX = 255
/** Unacked messages of one subscription, in AMQP. */
export const BROKER_PREFETCH_MAX = 65_535

// ---- objects ----------------------------------------------------------------------------------------------

/** Characters of the folders before each key: a key of S3 holds 1,024 bytes, our own part of it 220. */
export const OBJECT_PREFIX_LENGTH_MAX = 512
/** Calls of one S3 store that run at a time, a socket each, and those that wait for one; what is put is in memory meanwhile. */
export const S3_SOCKETS_MAX = 32
export const S3_CALLS_WAITING_MAX = 10_000
/** A server that does not take the connection, or says nothing on it for the second, is given up; then the call is tried again. */
export const S3_CONNECT_MS = 2_000
export const S3_SILENCE_MS = 5_000
/** Tries of one call, and the time that all of them have together. */
export const S3_TRIES_MAX = 3
export const S3_CALL_MS = 30_000
/** Opening tells a person what is wrong, so it waits less. */
export const S3_OPEN_MS = 10_000
/** On closing, calls that are under way have this long. */
export const S3_CLOSE_MS = 5_000
/** Keys of one page of a list: the most that S3 gives. */
export const S3_LIST_PAGE = 1_000
/** (setting) Characters of a value that stands in a row; a longer one goes to the object store, where there is one. */
export const VALUE_INLINE_LENGTH_MAX = 64 * 1024
/** Large values that are put, read or deleted at a time, and those that wait. */
export const CLAIMS_AT_ONCE_MAX = 16
export const CLAIMS_WAITING_MAX = 10_000
/** A large value that is not written after this long stays in its row: its task waits to be confirmed meanwhile. */
export const CLAIM_PUT_MS = 5_000
/** After so many failures in a row the object store is left alone for the second. */
export const CLAIM_CIRCUIT_FAILURES_MAX = 3
export const CLAIM_CIRCUIT_OPEN_MS = 5_000
/** The hour in the key of a large value: put later, the same value has another key. */
export const CLAIM_HOUR_MS = 3_600_000
/** A large value that no row names after this long was left behind by a crash; clocks may differ by an hour. */
export const CLAIM_ORPHAN_AGE_MS = 4 * 3_600_000
/** The keeper looks for such values this long after it started, and then this often. */
export const ORPHAN_SWEEP_FIRST_MS = 10 * 60_000
export const ORPHAN_SWEEP_MS = 3_600_000
/** Keys that a sweep asks about at a time. */
export const CLAIM_SWEEP_KEYS_MAX = 500

// ---- moving between engines -------------------------------------------------------------------------------

/** Tasks of one page of an export and of one transaction of an import, and characters of their values: what both hold in memory. */
export const ARCHIVE_PAGE_TASKS_MAX = 500
export const ARCHIVE_PAGE_LENGTH_MAX = 4 * 1024 * 1024
/** Lines of an export are written together from about so many characters on. */
export const ARCHIVE_WRITE_LENGTH = 256 * 1024
/** Characters of one line of an archive: the largest task with its result and log, and less than the longest string of V8. */
export const ARCHIVE_LINE_LENGTH_MAX = 256 * 1024 * 1024
/** Tasks of an import that are named because the target has others with their ids; all are counted. */
export const ARCHIVE_OTHERS_SHOWN = 20

// ---- cron -------------------------------------------------------------------------------------------------

/** Names of schedules: with `cron:`, a time and a little more they are ids of tasks. */
export const CRON_NAME_LENGTH_MAX = 80
export const CRON_EXPRESSION_LENGTH_MAX = 256
/** Of `every`: more often is a loop and not a schedule. */
export const CRON_EVERY_MS_MIN = 100
/** Schedules of one store; beyond it new ones hear RETRY_AFTER. */
export const CRON_SCHEDULES_MAX = 1_000_000
/** Schedules of one `Cron.list`, and upcoming ticks of each that it tells. */
export const CRON_LIST_MAX = 1_000
export const CRON_NEXT_TICKS_MAX = 100
/** Parsed expressions that a process remembers: the library's form of one takes a quarter of a MiB, and parsing it again microseconds. */
export const CRON_PATTERNS_KEPT = 64
/** A tick that is looked at later than this was missed, and the schedule's word on catching up counts: a restart, or another distributor that takes
 * over, takes seconds; and every tick of a day must not be run at noon. */
export const CRON_LATE_MS = 60_000
/** Missed ticks of one schedule that `all` catches up at a time: the last ones. */
export const CRON_CATCH_UP_TICKS_MAX = 1_000
/** Ticks that a schedule keeps back while an earlier one runs. */
export const CRON_WAITING_TICKS_MAX = 1_000
/** Tasks of one schedule that are watched for being final: many runs by hand at a time. */
export const CRON_ACTIVE_MAX = 100
/** Schedules that are due and dealt with at a time. */
export const CRON_ROWS_MAX = 500
/** Who keeps ticks back for a task looks at it again after this long, however it may have missed its end. */
export const CRON_WAIT_MS = 60_000
/** After a failure the schedules are looked at again after this long. */
export const CRON_REST_MS = 1_000
/** Changes of a schedule by several at a time: who comes too late reads again and tries again. */
export const CRON_TRIES_MAX = 20

// ---- the cluster engine ---------------------------------------------------------------------------------

/** Making one connection to PostgreSQL, per host. */
export const DATABASE_CONNECT_TIMEOUT_MS = 5_000
/** A silent connection to PostgreSQL is asked for a sign of life after this long. */
export const DATABASE_KEEPALIVE_MS = 5_000
/** One statement; far above what any takes: beyond it the connection is taken for dead. */
export const STATEMENT_TIMEOUT_MS = 30_000
/** What may be repeated is, for this long, while PostgreSQL restarts or a standby takes over; then callers hear STORE_FAILED. */
export const STORE_WAIT_MS = 20_000
/** Tasks of one statement to the ledger: an array of them stays below 2 kB, from where PostgreSQL stores it out of line. */
export const LEDGER_BATCH_TASKS_MAX = 256
/** Tasks of one claim, and outcomes of one settlement. */
export const CLAIM_TASKS_MAX = 512
/** Tasks that share one hint at most; slow types share none. */
export const HINT_TASKS_MAX = 16
/** Tasks of one process whose idle workers were told of them directly: more at a time take the way through the queues, which carries any number. */
export const QUICK_TASKS_MAX = 64
/** What no idle worker has claimed after this long takes the way through the queues: several times what a claim takes, and no wait to speak of. */
export const QUICK_LAG_MS = 20
/** Where, of so many tasks, less than this share was claimed in time the workers are not idle, and are not told directly for the second. */
export const QUICK_TALLY_TASKS = 32
export const QUICK_SUCCESS_SHARE_MIN = 0.5
export const QUICK_REST_MS = 1_000
/** A hint should keep one worker busy for about this long. */
export const HINT_WORK_MS = 20
/** Hints that a process cannot use, because all its slots are busy, are given to others after this long. */
export const HOARD_MS = 100
/** After it asked for several lanes a process waits this long for the first hints of all of them, so that the highest priority goes first. */
export const GATHER_MS = 250
/** A member says that it lives this often; after five missed signs its work goes to others, with the time of a lease to come back. */
export const MEMBER_BEAT_MS = 1_000
/** How often the keeper looks at what others may have left to do, and who is not the keeper whether there is one. */
export const KEEPER_LOOK_MS = 1_000
/** Rows that the keeper moves in one statement. */
export const KEEPER_ROWS_MAX = 1_000
/** The keeper looks for what is due from this long before the last that it moved: transactions may commit late. */
export const KEEPER_LATE_MS = 2_000
/** Everything that is due, however late it was committed, is found after this long. */
export const KEEPER_FULL_MS = 60_000
/** A lane whose tasks wait while its queue in RabbitMQ is empty, in two looks this far apart, has lost its hints: they are made anew. */
export const RECONCILE_MS = 5_000
/** Who finds that hints are lost tells the keeper for this long, with each sign of life: the broker may have lost the news as well. */
export const REFILL_TOLD_MS = 30_000
/** Requests that are remembered as heard. */
export const REFILL_REQUESTS_MAX = 1_000
/** Rows of a lane that one step of that makes hints of. */
export const RECONCILE_ROWS_MAX = 1_000
/** The same lane is refilled at most this often, unless its queue is known to be gone. */
export const RECONCILE_REST_MS = 60_000
/** How long what has other work to do waits for the broker's confirms before it goes on with that. */
export const PUBLISH_PATIENCE_MS = 1_000
/** Signs of life of a process without a broker after which others tell RabbitMQ of what it accepts. */
export const OUTBOX_SHARE_BEATS = 2
/** Outbox rows of one process that wait for confirms when they are published again; the others wait in the ledger. */
export const OUTBOX_FLYING_MAX = 5_000
/** Outbox rows and claim rows that are done are deleted with the next statement, or after this long. */
export const FLUSH_MS = 500
export const CLAIM_FLUSH_ROWS = 500
/** While somebody elsewhere said so within this time, events are sent to other processes. */
export const NEWS_WANTED_MS = 10_000
/** Who begins to watch waits this long for the others to have heard of it. */
export const NEWS_HEARD_MS = 500
/** Newest rows that are looked at for the mean size of a queue's tasks, where its bytes are limited. */
export const QUEUE_BYTES_SCAN_MAX = 10_000
/** Who gives an order to a queue waits this long for the others to obey: after a sign of life and a half all that live have read it. */
export const QUEUE_HEARD_MS = 1.5 * MEMBER_BEAT_MS
/** Between the statements that keep the mean run time of a type. */
export const MEAN_SAVE_MS = 2_000
/** (settings --tasks-max, --queue-tasks-max) Unfinished tasks are counted this often while tasks come in; who is refused may come again after as long. */
export const BACKLOG_LOOK_MS = 1_000
export const BACKLOG_RETRY_AFTER_MS = 1_000
/** A task whose large value cannot be read from the object store just now is tried again after this long. */
export const VALUE_RETRY_MS = 2_000
/** Messages of foreign producers that one process adopts at a time. */
export const INBOX_PREFETCH = 256

/** Characters of one piece of news to other processes. */
export const NEWS_LENGTH_MAX = 1024 * 1024
/** Missed signs of life after which a member is taken for dead. */
export const LEASE_BEATS = 5
/** Rows that are looked at for the oldest waiting task. */
export const OLDEST_SCAN_MAX = 10_000
/** Work waits, slots are free, and nothing came for this long: the consumer is taken for silent and made anew. */
export const SILENT_CONSUMER_MS = 10_000

/** One statement of an export or import: counting all rows of a large ledger takes its time. */
export const ARCHIVE_STATEMENT_MS = 600_000

// ---- the worker -------------------------------------------------------------------------------------------

/** (setting) A cancelled or timed-out handler has this long to obey its signal before its thread is terminated. */
export const STOP_GRACE_MS = 1_000
/** (setting) On SIGTERM running handlers have this long to finish. */
export const DRAIN_MS = 30_000
/** (setting) Heap of one thread: live data that a handler may always have. One that goes on eating is ended soon after. */
export const THREAD_MEMORY_MB = 512
/** (setting) Resident memory of one handler process, Node itself (about 60 MB) included. */
export const PROCESS_MEMORY_MB = 1_024
/** A handler process that has nothing to do for this long is ended; the next task of its kind starts another. */
export const PROCESS_IDLE_MS = 60_000
/** Of what a handler process wrote to standard error, so much is evidence of its crash. */
export const PROCESS_STDERR_LENGTH_MAX = 4_096
/** What a process that ends itself may take to tell why. */
export const PROCESS_LAST_WORD_MS = 1_000
/** Adaptive prefetch: deliveries that one process holds at most, and how much work that should be. */
export const PREFETCH_TASKS_MAX = 256
export const PREFETCH_WORK_MS = 50
/** JSON text of one result: one frame of the wire must hold it with what goes around it. */
export const RESULT_BYTES_MAX = FRAME_BYTES_MAX - 64 * 1024
/** Tasks that the inbox of one thread holds (or twice its slots): more than adaptive prefetch brings, so that it never limits. */
export const INBOX_POSITIONS = 512
/** A thread that has run handlers for this long sends its results and listens to the main thread. */
export const THREAD_TURN_MS = 2
/** Progress and log lines of a thread are sent at most this often. */
export const REPORT_INTERVAL_MS = 100
/** While something runs, the main thread looks this often at what runs since when: how late a timeout may be noticed. */
export const WATCHDOG_MS = 20
/** A thread must have loaded its modules after this long. */
export const THREAD_START_MS = 30_000
/** A terminated thread that is still there after this long sits in native code; it is given up. */
export const THREAD_END_MS = 5_000
/** A thread that ended is replaced after the first, when that keeps happening after up to the second. */
export const THREAD_RESTART_MIN_MS = 50
export const THREAD_RESTART_MAX_MS = 10_000
/** Replacements in a row that could not load their modules, before the worker gives up. */
export const THREAD_START_FAILURES_MAX = 5
/** Settlements that are under way at a time; what finishes meanwhile goes with the next. */
export const SETTLES_IN_FLIGHT_MAX = 4
/** Characters of results that one settlement carries, so that it fits in a frame (a longer one goes alone). */
export const SETTLE_LENGTH_MAX = 1024 * 1024
/** A settlement that is not answered after this long is sent again; repeating is safe. */
export const SETTLE_TIMEOUT_MS = 30_000
/** A worker that ends waits this long for the answers to its last settlements. */
export const STOP_SETTLE_MS = 5_000
/** Outcomes that could not be recorded are kept for this long: a distributor that was restarted by hand still gets them. */
export const OUTCOME_KEEP_MS = 900_000
/** Log lines of handlers that wait for an engine that does not answer; the oldest go first. */
export const REPORT_LINES_PENDING_MAX = 10_000
/** When more tasks than this end in a second, the worker logs a summary a second and not a line a task. */
export const TASK_LINES_PER_SECOND_MAX = 200
/** A worker process of `chasqui up` that died is started again after the first, later at most after the second; one that lived
 * for the third was well, and begins anew. */
export const RESTART_MIN_MS = 250
export const RESTART_MAX_MS = 30_000
export const RESTART_STEADY_MS = 60_000
/** What `chasqui up` allows its worker processes beyond their own drain before it kills them. */
export const STOP_MARGIN_MS = 5_000
/** A signal that comes again within this time is the echo of the same Ctrl-C: from the terminal, and handed on by npm. */
export const SIGNAL_ECHO_MS = 300
/** (setting) How long a distributor that was told to stop says so to balancers before it does: nothing, for there may be none. */
export const DRAIN_NOTICE_MS = 0
/** What a distributor that stops allows the requests under way; a commit takes milliseconds. */
export const DRAIN_ANSWERS_MS = 5_000

// ---- encryption -------------------------------------------------------------------------------------------

/** AES-256 and HMAC-SHA256 take keys of this size. */
export const SEALING_KEY_BYTES = 32
/** Keys of one ring: a resubmission after a rotation may try all of them. */
export const SEALING_KEYS_MAX = 32
/** Programs with a file of keys look this often whether it has changed; at once, when they meet a key that they do not know. */
export const SEALING_KEY_FILE_LOOK_MS = 1_000

// ---- the client -------------------------------------------------------------------------------------------

/** (setting) Submissions of one client that are not confirmed yet. */
export const CLIENT_PENDING_TASKS_MAX = 100_000
export const CLIENT_PENDING_BYTES_MAX = 256 * 1024 * 1024
/** Tasks that one frame of the client carries at most. */
export const CLIENT_FRAME_TASKS_MAX = 256
/** Characters of data that one frame carries (a longer task goes alone), and frames that are under way at a time. */
export const CLIENT_FRAME_LENGTH_MAX = 512 * 1024
export const CLIENT_FRAMES_MAX = 64
/** (setting) A submission that is not confirmed after this long fails with TIMEOUT. */
export const CONFIRM_TIMEOUT_MS = 30_000
export const CONNECT_TIMEOUT_MS = 5_000
/** Reconnecting waits between these two, exponential with jitter. */
export const RECONNECT_MIN_MS = 50
export const RECONNECT_MAX_MS = 5_000
/** A watch whose reader falls behind by more events than this loses the oldest and is told how many. */
export const WATCH_EVENTS_MAX = 10_000

// ---- traces -----------------------------------------------------------------------------------------------

/** Deliveries whose spans are open in one process, and failed attempts to which the next ones link: the oldest are let go. */
export const TRACED_DELIVERIES_MAX = 10_000
export const TRACED_RETRIES_MAX = 10_000
/** How long the end of a program waits for its last spans to be taken. */
export const TRACES_END_MS = 3_000
/** Trouble with traces is told so often at most. */
export const TRACES_TROUBLE_MS = 60_000

// ---- the commands -----------------------------------------------------------------------------------------

/** `chasqui submit` works in so many lanes, each with a batch of so many tasks in hand: this bounds its memory, whatever it reads. */
export const SUBMIT_LANES = 16
export const SUBMIT_BATCH_TASKS = 256
export const SUBMIT_COUNT_MAX = 1_000_000_000
export const SUBMIT_CLIENTS_MAX = 256
/** Refusals that it shows; the rest is only counted. */
export const SUBMIT_REFUSALS_SHOWN = 10
/** `chasqui bench` runs so many tasks, keeps so many of them under way, and gives up after so long; it holds two numbers for each. */
export const BENCH_COUNT = 10_000
export const BENCH_COUNT_MAX = 10_000_000
export const BENCH_IN_FLIGHT = 256
export const BENCH_IN_FLIGHT_MAX = 16_384
export const BENCH_DEADLINE_MS = 300_000
/** `chasqui top` looks so often, and not more often than the second; rates are those of the last so many looks. */
export const TOP_INTERVAL_MS = 1_000
export const TOP_INTERVAL_MIN_MS = 100
export const TOP_RATE_LOOKS = 5
/** Looks whose rates are drawn as a curve. */
export const TOP_CURVE_LOOKS = 20
/** Starts and failures that it hears of between two looks: after that it hears no more until the next, whatever happens. Few starts, for most of these tasks will have ended when they are asked for, and bring their results. */
export const TOP_STARTS_MAX = 16
export const TOP_FAILED_MAX = 64
/** Running tasks that it knows by name and asks about, and failures that it keeps. */
export const TOP_RUNNING_MAX = 256
export const TOP_FAILURES_MAX = 100
/** Running tasks from before its start are searched for so often. */
export const TOP_SEARCH_MS = 10_000
/** A server that has not answered for so long is said to be silent. */
export const TOP_SILENT_MS = 3_000

// ---- the demo ---------------------------------------------------------------------------------------------

/** The demo of `npm start` begins when all workers are there, looking this often, and waits for its results. */
export const DEMO_WORKERS_MS = 30_000
export const DEMO_LOOK_MS = 20
export const DEMO_RESULTS_MS = 10_000

// ---- metrics ----------------------------------------------------------------------------------------------

/** Queues, and types, that have time series of their own; what comes after them is counted as `other`, for clients choose these names. */
export const METRIC_QUEUES_MAX = 100
export const METRIC_TYPES_MAX = 100
/** Pairs of a queue and a type, likewise: each is about a dozen series. */
export const METRIC_LINES_MAX = 200
/** Deliveries whose beginning is remembered until they are settled. The oldest are forgotten first, and then not measured. */
export const METRIC_HELD_MAX = 100_000
/** A look at the engine for a scrape is good for this long, whoever scrapes. */
export const METRIC_LOOK_MS = 1_000
/** An engine that has not answered by then is left out of the scrape; Prometheus gives up after 10 s. */
export const METRIC_LOOK_TIMEOUT_MS = 5_000
/** The HTTP server of a worker: connections at a time, and how long a request may take to come. Probes and a scraper need no more. */
export const HEALTH_CONNECTIONS_MAX = 32
export const HEALTH_REQUEST_MS = 5_000
/** Types that wait in a queue, as a look at it names them. */
export const WAITING_TYPES_MAX = 100
