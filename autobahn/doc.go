// Package autobahn judges WebSocket endpoints, in any language, by the cases of the Autobahn
// testsuite: the same numbers, the same octets on the wire, the same verdicts. Neither Python
// nor Docker is needed, and the whole of groups 1 to 10 takes seconds.
//
//   - [TestServer] connects to a server that echoes, once for each case.
//   - A [FuzzingServer] serves clients that echo: /getCaseCount, /runCase?case=N&agent=A,
//     /getCaseInfo, /getCaseStatus and /updateReports, so that a client written for the
//     testsuite works unchanged.
//   - [Test] does the first from a "go test".
//
// A [Case] is data: what is sent, octet by octet and in which writes, and what has to come
// back. [Cases] are the testsuite's 517; [MoreCases] are our own, for what the testsuite
// lacks, with numbers that begin with a letter. They are judged by the same rules and
// reported apart.
//
// # Terminology
//
// The *peer* is what is judged, the testee. *Behavior* is what it did, *BehaviorClose* how
// the connection ended: each has a [Verdict] of its own, in the testsuite's words.
//
// # Independence
//
// The package imports nothing of the engine in this module, which it judges too: it has a
// parser, a writer, a handshake and an inflater of its own. Its parser is strict, its writer
// writes whatever it is told to.
package autobahn
