package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

// marshalResult returns the verdicts without what changes from run to run: one case on each
// line, in order, so that two results can be compared line by line.
func marshalResult(verdicts map[string]verdict) []byte {
	var b bytes.Buffer
	sep := "{\n"
	for _, id := range slices.SortedFunc(maps.Keys(verdicts), caseset.Compare) {
		line, err := json.Marshal(verdicts[id])
		if err != nil {
			panic("autobahn/cmd/report: a verdict that came from JSON does not go back: " + err.Error())
		}
		b.WriteString(sep + "\"" + id + "\": ")
		b.Write(line)
		sep = ",\n"
	}
	if b.Len() == 0 {
		return []byte("{}\n")
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}
