package landing

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// usage watches what a stretch of work takes of this process and of the server.
type usage struct {
	own, server float64 // seconds of processors: this process's and its children's, the server's
	before      uint64  // bytes of heap
	heap        uint64  // at most
	stop        chan struct{}
	stopped     chan struct{}
}

// watch begins; the server's share is known only where its processes are on this machine.
func (m *bench) watch(b *testing.B) *usage {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	u := &usage{before: stats.HeapAlloc, heap: stats.HeapAlloc, stop: make(chan struct{}), stopped: make(chan struct{})}
	own, server := m.processorTime(b)
	u.own, u.server = -own, -server
	go u.sample()
	return u
}

func (u *usage) sample() {
	defer close(u.stopped)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var stats runtime.MemStats
	for {
		runtime.ReadMemStats(&stats)
		u.heap = max(u.heap, stats.HeapAlloc)
		select {
		case <-tick.C:
		case <-u.stop:
			return
		}
	}
}

func (m *bench) end(b *testing.B, u *usage) {
	close(u.stop)
	<-u.stopped
	own, server := m.processorTime(b)
	u.own += own
	u.server += server
}

func (u *usage) seconds() float64 { return u.own + u.server }

// perRow is microseconds of processors.
func (u *usage) perRow() float64 { return u.seconds() * 1e6 / records }

// processorTime is what this process, the programs that it has started, and the server have used so far.
func (m *bench) processorTime(b *testing.B) (own, server float64) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		require.NoError(b, syscall.Getrusage(who, &used))
		own += time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	}
	return own, m.serverTime(b)
}

// serverTime adds up the server's processes, those that have ended as well; 0 where /proc does not have them.
func (m *bench) serverTime(b *testing.B) float64 {
	var backend int
	require.NoError(b, m.db.Pool.QueryRow(context.Background(), "select pg_backend_pid()").Scan(&backend))
	postmaster := stat(strconv.Itoa(backend), "postgres").parent
	if postmaster == "" {
		return 0
	}
	main := stat(postmaster, "postgres")
	ticks := main.own + main.ended
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		if p := stat(filepath.Base(dir), "postgres"); p.parent == postmaster {
			ticks += p.own
		}
	}
	const perSecond = 100 // USER_HZ, the same on every Linux
	return float64(ticks) / perSecond
}

type process struct {
	parent     string
	own, ended int // ticks, its own and those of its children that have ended
}

// stat reads /proc/PID/stat; it gives nothing of a process of another name.
func stat(pid, name string) process {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	before, after, found := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if err != nil || !found || !strings.HasSuffix(before, "("+name) || len(fields) < 15 {
		return process{}
	}
	number := func(field int) int {
		n, _ := strconv.Atoi(fields[field])
		return n
	}
	return process{parent: fields[1], own: number(11) + number(12), ended: number(13) + number(14)}
}
