package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/hawser-go/hawser"
)

// Limits for a testsuite or an engine that hangs. The slowest case takes some 30 s.
const (
	startLimit = 60 * time.Second
	caseLimit  = 3 * time.Minute
)

// runCases runs the cases that the fuzzing server at base has selected: it numbers them from
// 1, whatever their identifiers.
func runCases(ctx context.Context, base, agent string, stdout io.Writer) error {
	text, err := ask(ctx, base+"/getCaseCount", startLimit)
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("getCaseCount answered %q: %w", text, err)
	}
	agentQuery := "agent=" + url.QueryEscape(agent)
	for n := 1; n <= count; n++ {
		query := fmt.Sprintf("?case=%d&%s", n, agentQuery)
		runCase(ctx, base+"/runCase"+query, stdout)
		// The answer comes when the case has been judged, so that it cannot be missing
		// from the reports.
		if _, err := ask(ctx, base+"/getCaseStatus"+query, caseLimit); err != nil {
			return fmt.Errorf("the verdict of case number %d: %w", n, err)
		}
	}
	c, err := hawser.Dial(ctx, base+"/updateReports?"+agentQuery, config)
	if err != nil {
		return err
	}
	echo(c) // the fuzzing server closes when the reports are written
	fmt.Fprintf(stdout, "ran %d cases\n", count)
	return nil
}

// runCase plays one case. An error is no reason to stop: the testsuite judges.
func runCase(ctx context.Context, url string, stdout io.Writer) {
	ctx, cancel := context.WithTimeout(ctx, caseLimit)
	defer cancel()
	c, err := hawser.Dial(ctx, url, config)
	if err != nil {
		fmt.Fprintf(stdout, "%s: %v\n", url, err)
		return
	}
	defer context.AfterFunc(ctx, func() { c.CloseNow() })()
	echo(c)
}

// ask returns the one message with which the fuzzing server answers a query. It goes on
// trying to connect until the limit, for the fuzzing server takes a moment to start.
func ask(ctx context.Context, url string, limit time.Duration) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var c *hawser.Conn
	for {
		c, err = hawser.Dial(ctx, url, config)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(100 * time.Millisecond):
		}
	}
	defer context.AfterFunc(ctx, func() { c.CloseNow() })()
	m, err := c.Read()
	if err != nil {
		return "", err
	}
	return string(m.Data), c.Close(hawser.StatusNormalClosure, "")
}
