package examine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/resources"
)

// A disk is measured by small synced writes, as the log does them: so many, or
// for so long.
const (
	syncWrites = 24
	syncBytes  = 4 << 10
	syncLimit  = 3 * time.Second
)

// measureDisk says how much room a directory has and how long a synced write to
// it takes. Where the directory does not exist yet the nearest above it is measured.
func measureDisk(ctx context.Context, dir string) doctor.Disk {
	dir = existing(dir)
	disk := doctor.Disk{Path: dir}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		disk.Error = err.Error()
		return disk
	}
	disk.Size, disk.Free = fs.Blocks*uint64(fs.Bsize), fs.Bfree*uint64(fs.Bsize) //nolint:gosec // a block's size is positive
	took, err := timeWrites(ctx, dir)
	if err != nil {
		disk.Error = err.Error()
		return disk
	}
	slices.Sort(took)
	disk.Typical, disk.Worst = resources.Duration(took[len(took)/2]), resources.Duration(took[len(took)-1])
	return disk
}

func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			return dir
		}
		dir = above
	}
}

// timeWrites measures; it returns at least one time unless there is an error. A
// disk that hangs holds the call up for as long: so does the log.
func timeWrites(ctx context.Context, dir string) (took []time.Duration, err error) {
	file, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // the next line says whether writing works
	defer file.Close()           //nolint:errcheck // as above
	began := time.Now()
	block := make([]byte, syncBytes)
	for n := range syncWrites {
		if n > 0 && (ctx.Err() != nil || time.Since(began) > syncLimit) {
			break
		}
		start := time.Now()
		if _, err := file.Write(block); err != nil {
			return nil, fmt.Errorf("write: %w", err)
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return nil, fmt.Errorf("sync: %w", err)
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}
