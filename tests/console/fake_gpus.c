/* A libnvidia-ml.so.1 with three GPUs: GPU n is busy while the file n exists in $FAKE_GPUS, it
   holds memory of nobody's while n.memory does, it is lost while n.lost does, and the driver
   hangs while the file hangs does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };

typedef struct { int id; } Device;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;

static Device devices[3] = {{0}, {1}, {2}};

static int there(int id, const char *suffix) {
  char path[4096];
  const char *folder = getenv("FAKE_GPUS");
  if (id < 0) snprintf(path, sizeof path, "%s/%s", folder, suffix);
  else snprintf(path, sizeof path, "%s/%d%s", folder, id, suffix);
  return folder != NULL && access(path, F_OK) == 0;
}

int nvmlInitWithFlags(unsigned flags) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return "a fake error"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
  while (there(-1, "hangs")) usleep(20000);
  *count = 3;
  return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device **device) {
  if (there((int)index, ".lost")) return GPU_IS_LOST;
  *device = &devices[index];
  return SUCCESS;
}

int nvmlDeviceGetUUID(Device *device, char *uuid, unsigned length) {
  snprintf(uuid, length, "GPU-%03d", device->id);
  return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(Device *device, Memory *memory) {
  memory->total = 80ull << 30;
  memory->used = there(device->id, ".memory") ? 60ull << 30 : 1ull << 30;
  memory->free = memory->total - memory->used;
  return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Device *device, unsigned *count, Process *processes) {
  unsigned room = *count;
  if (there(device->id, ".private")) return NOT_SUPPORTED;
  *count = there(device->id, "") ? 1 : 0;
  if (*count > room) return INSUFFICIENT_SIZE;
  if (*count) memset(processes, 0, sizeof(Process));
  return SUCCESS;
}
