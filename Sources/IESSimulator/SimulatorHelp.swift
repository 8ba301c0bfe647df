// SPDX-License-Identifier: Apache-2.0

/// What can be said to a simulator, as text for people: in `--help`, and at `/_simulator/help`.
package enum SimulatorHelp {
    package static let faults = """
        Faults, one a line: [id=TASK|*] fault=NAME[:ARGUMENT] [times=N|ever] [after=N] [on=OPERATION]
          A value, or part of it, may be in double quotes, with \\" and \\\\ inside: fault=etag:"\\"v2\\""
          times    how many calls go wrong (1 by default); after: how many good ones come first
          on       result, link, list, detail, token, projects, metadata-token, metadata-keys, other
                   (any by default)
        answered instead:
          status:N                     that status; 204 and 304 bare, 416 with the size, others a documented error
          refuse [status=N] [code=C] [message="..."] [shape=S]
                                       an error; shapes: documented no-request-id iam camel-case plain html empty
          error-200, html[:N], message-size:N, message-nul, message-invalid
          throttle[:SECONDS|:date:T|:none] [status=503]
          redirect[:URL|:loop|:nowhere|:expired]
          raw:TEXT                     no HTTP at all, then the connection closes
        connection:
          silence, close, reset        before the status line
          head-cut:N head-reset:N head-stall:N    after N bytes of the head
          cut:N reset:N stall:N        after N bytes of the body
          latency:T speed:BYTES_A_SECOND
        head:
          length:TEXT second-length:TEXT no-length
          chunked[:size|:unfinished|:trailer]
          content-range:TEXT range-offset:N range-total:N range-unit:TEXT
          gzip date:T large-head:N long-line:N field:NAME:VALUE
        body:
          etag:TEXT ignore-range unasked-range flip:OFFSET surplus:N

        """

    package static let switches = """
        Switches, any number a line (first value: the default):
          ranges=honoured|ignored  accept-ranges=yes|no  framing=length|chunked|until-close
          if-range=honoured|ignored  conditions=yes|no  redirects=none|same|other-port|ORIGIN  link-lifetime=5m
          paging=record-offset|page-index|ignored|looping  page-size=10  count-error=0  numbers=yes|no
          latency=0s  speed=0 (bytes a second)  rate=0 (calls a second)  retry-after=none|SECONDS|date:T
          authenticates=yes|no  window=15m  project-id=yes|no  locks-keys=yes|no  clock-skew=0s
          metadata-tokens=optional|required|absent  agency=yes|no  key-lifetime=1h
          errors=documented|...  request-id=yes|no  unknown=MSS.10001004

        """

    package static let results = """
        Results, one a line: id=TASK [project=P] [name=TEXT] [state=finished|running|failed|refused]
          content: size=N[K|M|G] [seed=N] | text=TEXT | file=PATH     (given again: replaced, with a new entity tag)
          [type=MEDIATYPE] [filename=NAME] [disposition=TEXT] [etag=TEXT|none|automatic] [modified=SECONDS|none]
          [listed=yes|no] [resource=TEXT] [task-status=TEXT]; for refused: [status=N] [code=C] [message="..."] [shape=S]

        """

    package static let control = """
        Control, on the simulator's own port, e.g. curl -d 'id=abc fault=cut:100' http://127.0.0.1:PORT/_simulator/faults
          GET    /_simulator/help
          GET    /_simulator/faults          faults still to come
          POST   /_simulator/faults          inject, one a line
          DELETE /_simulator/faults[?id=T]
          POST   /_simulator/switches        set switches
          GET    /_simulator/results         tasks as JSON; with ?sha256=yes their checksums too
          POST   /_simulator/results         add or change tasks, one a line
          PUT    /_simulator/results/TASK    the body is the task's content from now on
          DELETE /_simulator/results/TASK
          GET    /_simulator/log[?id=T]      every call as JSON
          GET    /_simulator/counts[?id=T]   {"requests","bytesSent","open","highestOpen","connections"}
          GET    /_simulator/wait?arrived=N|ended=N|sent=BYTES|open=N[&id=T][&timeout=30s]   200 when so, 408 when not
          DELETE /_simulator/log             forget the calls
          POST   /_simulator/tokens          token=T [project=P] [lifetime=T]: accept it
          DELETE /_simulator/tokens[?token=T]    refuse it; without one, all expire now
          POST   /_simulator/keys            access=AK secret=SK [security-token=T] [lifetime=T]
          DELETE /_simulator/keys?access=AK
          POST   /_simulator/outage?time=T   connections reset and refused for that time
          POST   /_simulator/reset           faults, switches, log and tasks as at the start

        """

    /// All of it.
    package static let text = [results, switches, faults, control].joined(separator: "\n")
}
