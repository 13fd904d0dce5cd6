package clitest

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait for a process: processes begin slowly where many of them do.
const patience = 5 * time.Minute

// Process is a command that stays. It is for the test's goroutine.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan string
	said  []string
}

// Start starts a command that stays, and waits until it says ready. What is left of it ends with the test.
func (p *Project) Start(ready string, args ...string) *Process {
	p.t.Helper()
	s := &Process{t: p.t, cmd: p.Command(args...), lines: make(chan string, 10_000)}
	out, err := s.cmd.StderrPipe()
	require.NoError(p.t, err)
	s.cmd.Stdout = s.cmd.Stderr
	require.NoError(p.t, s.cmd.Start())
	go func() {
		defer close(s.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	p.t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // it has ended where the test passed
	s.Until(ready)
	return s
}

// Until reads on to a line with the text.
func (s *Process) Until(text string) {
	s.t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case line, more := <-s.lines:
			require.True(s.t, more, "it ended\n%s", strings.Join(s.said, "\n"))
			s.said = append(s.said, line)
			if strings.Contains(line, text) {
				return
			}
		case <-deadline:
			require.FailNow(s.t, "nothing said "+text, strings.Join(s.said, "\n"))
		}
	}
}

// Last is the line that was read last.
func (s *Process) Last() string { return s.said[len(s.said)-1] }

// End sends a signal and wants the exit code.
func (s *Process) End(signal syscall.Signal, code int) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(signal))
	for line := range s.lines {
		s.said = append(s.said, line)
	}
	_ = s.cmd.Wait() // the exit code tells
	require.Equal(s.t, code, s.cmd.ProcessState.ExitCode(), strings.Join(s.said, "\n"))
}

// Kill ends it as a power cut would.
func (s *Process) Kill() {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Kill())
	_ = s.cmd.Wait() // killed
}
