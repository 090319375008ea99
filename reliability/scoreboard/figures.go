package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

type verdict string

const (
	met         verdict = "met"
	inPart      verdict = "in part"
	notMet      verdict = "not met"
	notMeasured verdict = "not measured"
)

// A figure is a row of the page.
type figure struct {
	name, target string
	probes       []string // what it is made of
	judge        func(e evidence) outcome
}

// An outcome is what is said about a figure.
type outcome struct {
	reached string
	verdict verdict
	why     string // has to be said of everything that is not met
}

// evidence is what the probes of a figure have found, "probe/key" each.
type evidence map[string]float64

func (f *figure) evidence(found *results) evidence {
	e := evidence{}
	for _, name := range f.probes {
		if r, ok := found.get(name); ok {
			for key, v := range r.Values {
				e[name+"/"+key] = v
			}
		}
	}
	return e
}

func (e evidence) has(keys ...string) bool {
	for _, key := range keys {
		if _, ok := e[key]; !ok {
			return false
		}
	}
	return true
}

// n is a number as the page shows it.
func (e evidence) n(key string) string {
	if v, ok := e[key]; ok {
		return number(v)
	}
	return "?"
}

// random returns how many oracles ran without the fuzzing engine, and how often all together.
func (e evidence) random() (oracles int, executions float64) {
	for key, v := range e {
		if strings.HasPrefix(key, "random") {
			oracles, executions = oracles+1, executions+v
		}
	}
	return oracles, executions
}

// within judges one number.
func (e evidence) within(key string, most float64, reached, otherwise string) outcome {
	switch v, ok := e[key]; {
	case !ok:
		return outcome{"", notMeasured, "The probe has not run yet."}
	case v <= most:
		return outcome{reached, met, ""}
	default:
		return outcome{reached, notMet, otherwise}
	}
}

func sortedKeys(m map[string]float64) []string { return slices.Sorted(maps.Keys(m)) }

var unknown = outcome{"", notMeasured, "The probe has not run yet."}

var figures = []figure{
	{"Autobahn, strict OK, server and client", "517 of 517, both; none non-strict; informational ones listed", []string{"autobahn", "conformance"}, func(e evidence) outcome {
		o := outcome{fmt.Sprintf("server %s OK and %s informational, client %s and %s; %s other verdicts", e.n("autobahn/server OK"), e.n("autobahn/server INFORMATIONAL"), e.n("autobahn/client OK"),
			e.n("autobahn/client INFORMATIONAL"), number(e["autobahn/server other"]+e["autobahn/client other"])), met,
			"The testsuite never says OK to 7.1.6, 7.13.1 and 7.13.2. Our own suite, with the same 517 cases and those that the testsuite lacks, passes " + e.n("conformance/server cases") + " and " + e.n("conformance/client cases") + "."}
		for _, role := range []string{"server", "client"} {
			if e["autobahn/"+role+" OK"]+e["autobahn/"+role+" INFORMATIONAL"] != 517 || e["autobahn/"+role+" other"] != 0 {
				o.verdict = notMet
			}
		}
		return o
	}},
	{"inputs that must fail, refused with the right close code", "all (31 when this was planned)", []string{"refused"}, func(e evidence) outcome {
		if !e.has("refused/to a connection") {
			return unknown
		}
		return outcome{fmt.Sprintf("all: %s on connections, %s compressed ones (some of them pass, as they must), %s at the byte that makes them wrong, %s headers",
			e.n("refused/to a connection"), e.n("refused/compressed, to a connection"), e.n("refused/to the parser, at the byte"), e.n("refused/headers")), met,
			"The list of 31 was not kept; these are the rows of the engine's tables, each with its close code."}
	}},
	{"full header-state matrix, F5", "100 % by table: 2,048 states, both roles", []string{"headers"}, func(e evidence) outcome {
		if e["headers/states"] < 4096 {
			return unknown
		}
		return outcome{"100 %: " + e.n("headers/states") + " states", met, "The matrix has each length where something changes, too."}
	}},
	{"handshake: requests and replies judged right", "100 %", []string{"handshakes"}, func(e evidence) outcome {
		if !e.has("handshakes/requests", "handshakes/replies") {
			return unknown
		}
		return outcome{"100 %: " + e.n("handshakes/requests") + " requests, " + e.n("handshakes/replies") + " replies", met, "Whole and in pieces, against the real server and client."}
	}},
	{"negotiation matrix, X1", "100 %", []string{"negotiation"}, func(e evidence) outcome {
		if !e.has("negotiation/offers", "negotiation/responses") {
			return unknown
		}
		return outcome{"100 %: " + e.n("negotiation/offers") + " offers, " + e.n("negotiation/responses") + " responses", met, "Against an oracle that was written from the RFC's text; and every pair of configurations."}
	}},
	{"fuzz targets; executions without a new crash", "11 targets; 10^8 each for now, 10^9 each and 10^10 in all before 1.0", []string{"fuzzing", "random", "random, of each implementation"}, func(e evidence) outcome {
		if !e.has("fuzzing/executions", "fuzzing/hours") || e["fuzzing/hours"] == 0 {
			return unknown
		}
		rate := e["fuzzing/executions"] / e["fuzzing/hours"] / 3600
		o := outcome{fmt.Sprintf("%s targets; %s executions in all, %s of the target with the fewest, %s of the one with the most; %s failures",
			e.n("fuzzing/targets"), e.n("fuzzing/executions"), e.n("fuzzing/least"), e.n("fuzzing/most"), e.n("fuzzing/failures")), met, ""}
		if n, all := e.random(); n > 0 {
			o.reached += fmt.Sprintf("; apart from these, %d oracles ran %s times with inputs that were made at random, without guidance", n, number(all))
		}
		if e["fuzzing/least"] < 1e8 {
			o.verdict = inPart
			o.why = fmt.Sprintf("The number of targets is. What a target found before these were counted is a row of its package's tables. With coverage guidance it was %s executions a second over all targets, and %s processor hours so far: 10^8 of each target are about %s days of one processor. CI runs each for 20 s; `fuzzcount -until 100000000` goes on where it stopped.",
				number(rate), e.n("fuzzing/hours"), number(e["fuzzing/targets"]*1e8/rate/86400))
		}
		return o
	}},
	{"inputs of past advisories as regression tests", "every row of the catalogue", []string{"advisories"}, func(e evidence) outcome {
		if !e.has("advisories/rows") {
			return unknown
		}
		o := outcome{fmt.Sprintf("%s rows with tests of %s, %s advisories", number(e["advisories/rows"]-e["advisories/not built"]), e.n("advisories/rows"), e.n("advisories/advisories")), met,
			"Of the catalogue, those are not named that could not be verified, and those of what we do not have: authentication, proxies, application protocols."}
		if n := e["advisories/not built"]; n > 0 {
			o.why += fmt.Sprintf(" %s row is of something that is not built, with %s advisories.", number(n), e.n("advisories/not built, advisories"))
			if e["advisories/not built, advisories"] > 0 {
				o.verdict = inPart
			}
		}
		return o
	}},
	{"errors injected: every operation of the transport, ten kinds, all scenarios", "100 % of the operations, count published (more than 10,000 expected)", []string{"faults"}, func(e evidence) outcome {
		if !e.has("faults/runs") {
			return unknown
		}
		return outcome{"100 %: " + e.n("faults/runs") + " runs", met, "Each scenario runs with its operation 0, 1, 2, ... failing until one run meets no fault."}
	}},
	{"coverage of statements by a package's own tests", "100 % of the core, 95 % of conn", []string{"coverage"}, func(e evidence) outcome {
		if !e.has("coverage/conn") {
			return unknown
		}
		o := outcome{"", met, "Go measures statements, not branches; the mutants are what stands for branches."}
		for _, key := range sortedKeys(e) {
			if least := map[bool]float64{true: 95, false: 100}[key == "coverage/conn"]; e[key] < least {
				o.verdict = notMet
			}
			if o.reached != "" {
				o.reached += ", "
			}
			o.reached += key[len("coverage/"):] + " " + e.n(key)
		}
		return o
	}},
	{"mutants killed", "at least 95 %, survivors explained", []string{"mutation"}, func(e evidence) outcome {
		if !e.has("mutation/judged") {
			return unknown
		}
		share := 100 * e["mutation/killed"] / (e["mutation/judged"] - e["mutation/explained"])
		o := outcome{fmt.Sprintf("%s %% of the %s judged that are not explained; the package with the least has %s %%; %s explained, %s survived",
			number(share), number(e["mutation/judged"]-e["mutation/explained"]), e.n("mutation/least share"), e.n("mutation/explained"), e.n("mutation/survived")), met, ""}
		if e["mutation/least share"] < 95 {
			o.verdict = notMet
		}
		if n := e["mutation/not judged"]; n > 0 {
			o.why = mutationInterval(e)
		}
		return o
	}},
	{"race detector", "0 reports in 10^6 close-race iterations, 0 `norace` pragmas", []string{"races", "pragmas"}, func(e evidence) outcome {
		if !e.has("races/rounds", "pragmas/pragmas") {
			return unknown
		}
		o := outcome{"0 reports in " + e.n("races/rounds") + " rounds; " + e.n("pragmas/pragmas") + " pragmas", met, ""}
		switch {
		case e["pragmas/pragmas"] > 0:
			o.verdict = notMet
		case e["races/rounds"] < 1e6:
			o.verdict, o.why = inPart, "In each round two connections end in up to 24 calls at once. 10^6 rounds take about an hour of a processor that does nothing else; the probe adds up."
		}
		return o
	}},
	{"goroutines, descriptors, timers and pool items left after 10^5 hostile cycles", "0", []string{"cycles"}, func(e evidence) outcome {
		if !e.has("cycles/connections") {
			return unknown
		}
		return outcome{fmt.Sprintf("0 of each after three times %s connections; the heap differs by %s bytes between the second and the third", e.n("cycles/connections"), e.n("cycles/bytes left")), met,
			"The test fails if a goroutine, a descriptor, a buffer or an inflater is left; a timer would keep its connection on the heap."}
	}},
	{"heap for a stalled header that declares limit-1", "at most 4 KiB", []string{"stalled headers"}, func(e evidence) outcome {
		o := e.within("stalled headers/plain, the header alone", 4096, fmt.Sprintf("%s bytes, compressed %s; when payload has come, at most %s, and %s compressed",
			e.n("stalled headers/plain, the header alone"), e.n("stalled headers/compressed, the header alone"), e.n("stalled headers/plain, then"), e.n("stalled headers/compressed, then")), "")
		o.why = "That is the header. With the first byte of payload comes a buffer of 4 KiB and its bookkeeping, and in a compressed message an inflater of 12 KiB, which is more than the 4 KiB and twice what came of the catalogue (T-PIN)."
		return o
	}},
	{"heap high-water, bomb of 64 MiB, limit of 1 MiB", "at most 1.5 MiB", []string{"bomb"}, func(e evidence) outcome {
		return e.within("bomb/KiB", 1536, e.n("bomb/KiB")+" KiB", "")
	}},
	{"heap high-water, 10^6 empty fragments", "at most 64 KiB, and refused", []string{"fragments"}, func(e evidence) outcome {
		return e.within("fragments/bytes", 64<<10, e.n("fragments/bytes")+" bytes, refused at the documented number", "")
	}},
	{"heap high-water, 10^5 pings that nobody reads the answers of", "at most 64 KiB, closed within WriteTimeout", []string{"pings"}, func(e evidence) outcome {
		return e.within("pings/bytes", 64<<10, e.n("pings/bytes")+" bytes, closed exactly at WriteTimeout", "")
	}},
	{"worst processor time for each byte received, over all fuzz corpora", "at most 50 ns, linear", []string{"corpora", "linear"}, func(e evidence) outcome {
		o := e.within("corpora/ns", 50, fmt.Sprintf("%s ns, of %s inputs that a connection reads to their end, of %s; twice as much of an attack costs %s times as many instructions at most",
			e.n("corpora/ns"), e.n("corpora/measured"), e.n("corpora/inputs"), e.n("linear/twice as many")), "")
		o.why = "Frames in one piece. A peer that sends each byte in a packet of its own costs a system call each, which is not the engine's."
		return o
	}},
	{"longest return of any call past its deadline", "at most 10 ms", []string{"deadlines"}, func(e evidence) outcome {
		o := e.within("deadlines/most", 10, fmt.Sprintf("%s ms; in 99 of 100 at most %s ms, in the middle %s ms", e.n("deadlines/most"), e.n("deadlines/99 of 100"), e.n("deadlines/middle")),
			"In the bubbles of testing/synctest, where time is exact, every call returns at its deadline.")
		if o.verdict == notMet && e["deadlines/timer"] > 5 {
			o.verdict = inPart
			o.why += " The machine had so much else to do that a bare timer of the same length was late by up to " + e.n("deadlines/timer") + " ms: the figure has to be taken on a quiet one."
		}
		return o
	}},
	{"process deaths by any input", "0", []string{"fuzzing", "faults", "autobahn"}, func(e evidence) outcome {
		if !e.has("fuzzing/executions", "faults/runs") {
			return unknown
		}
		return outcome{"0 known: none in " + e.n("fuzzing/executions") + " executions and " + e.n("faults/runs") + " faults", met, "A panic would fail any of them."}
	}},
	{"soak: idle connections held; bytes each; drift in 72 h", "100,000 on two cores; at most 4 KiB, plain, with a goroutine each; less than 1 %", []string{"idle, pull", "idle, push"}, func(e evidence) outcome {
		if !e.has("idle, pull/bytes each", "idle, push/bytes each") {
			return unknown
		}
		return outcome{fmt.Sprintf("%s held; %s bytes each with a goroutine, %s with the event loop, stacks included", e.n("idle, pull/connections"), e.n("idle, pull/bytes each"), e.n("idle, push/bytes each")), notMet,
			"This machine gives a process 20,000 descriptors. The goroutine's stack alone is 4 KiB; with `Events` a connection needs none. 72 hours have not been run: `go run ./bench/soak -time 72h` would."}
	}},
	{"soak: a hostile mix, 10 % attackers, beside honest clients", "honest p99 at most twice the quiet one; 0 drops", []string{"soak"}, func(e evidence) outcome {
		if !e.has("soak/drops", "soak/times p99") {
			return unknown
		}
		o := outcome{fmt.Sprintf("%s times as long, the longest of %s runs of ten minutes, one for each driver; %s drops of %s messages beside %s attacks; %s goroutines and %s descriptors left", e.n("soak/times p99"), e.n("soak/records"), e.n("soak/drops"),
			e.n("soak/honest messages"), e.n("soak/attacks"), e.n("soak/goroutines left"), e.n("soak/descriptors left")), met, ""}
		if e["soak/times p99"] > 2 {
			o.verdict, o.why = inPart, "Nothing was dropped. Attackers and honest clients share two processors with the server, and the two runs shared them with each other: the load itself makes them wait."
		}
		if e["soak/drops"] > 0 {
			o.verdict, o.why = notMet, "Honest clients lost messages or connections."
		}
		return o
	}},
	{"mean time from report to release; open security reports", "at most 7 days; 0 older than 30", nil, func(evidence) outcome {
		return outcome{"no report so far", notMeasured, "Nothing has been released. SECURITY.md says where reports go."}
	}},
}
