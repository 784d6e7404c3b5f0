/* A libnvidia-ml.so.1 for tests. FAKE_NVML names the machine; the event happens when FAKE_NVML_EVENT exists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NO_PERMISSION = 4, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };
enum { INSTANCE = 100 };

typedef struct { int id; } Device;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory2;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;

static Device devices[200];

static int machine_is(const char *name) {
  const char *machine = getenv("FAKE_NVML");
  return machine != NULL && strcmp(machine, name) == 0;
}

static int event(void) {
  const char *path = getenv("FAKE_NVML_EVENT");
  return path != NULL && access(path, F_OK) == 0;
}

static int enter(Device *device) {
  while (machine_is("hangs") && event()) usleep(20000);
  return machine_is("loses") && event() && device->id == 3 ? GPU_IS_LOST : SUCCESS;
}

#define ENTER(device) do { int code = enter(device); if (code) return code; } while (0)

int nvmlInitWithFlags(unsigned flags) {
  while (machine_is("never_starts")) pause();
  return SUCCESS;
}
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return "a fake error"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
  *count = machine_is("divided") ? 2 : 8;
  return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device **device) {
  devices[index].id = (int)index;
  *device = &devices[index];
  return SUCCESS;
}

int nvmlDeviceGetName(Device *device, char *name, unsigned length) {
  snprintf(name, length, device->id < INSTANCE ? "Fake GPU" : "Fake GPU MIG 3g.40gb");
  return SUCCESS;
}

int nvmlDeviceGetUUID(Device *device, char *uuid, unsigned length) {
  snprintf(uuid, length, "GPU-%03d", device->id);
  return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(Device *device, Utilization *utilization) {
  ENTER(device);
  if (device->id >= INSTANCE) return NOT_SUPPORTED;
  utilization->gpu = 10 + device->id;
  utilization->memory = 5;
  return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(Device *device, Memory2 *memory) {
  ENTER(device);
  memory->total = 80ull << 30;
  memory->reserved = 1ull << 30;
  memory->used = (unsigned long long)(device->id % INSTANCE + 1) << 30;
  memory->free = memory->total - memory->reserved - memory->used;
  return SUCCESS;
}

int nvmlDeviceGetTemperature(Device *device, int sensor, unsigned *temperature) {
  ENTER(device);
  *temperature = 40 + device->id;
  return SUCCESS;
}

int nvmlDeviceGetPowerUsage(Device *device, unsigned *milliwatts) {
  ENTER(device);
  *milliwatts = 250500;
  return SUCCESS;
}

int nvmlDeviceGetEnforcedPowerLimit(Device *device, unsigned *milliwatts) {
  ENTER(device);
  *milliwatts = 700000;
  return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Device *device, unsigned *count, Process *processes) {
  ENTER(device);
  if (machine_is("private")) return NO_PERMISSION;
  unsigned room = *count;
  *count = 2;
  if (processes == NULL || room < 2) return INSUFFICIENT_SIZE;
  memset(processes, 0, 2 * sizeof(Process));
  processes[0].pid = 1;
  processes[0].used = 7ull << 30;
  int is_used = device->id == 0 && !machine_is("contained");
  processes[1].pid = is_used ? (unsigned)getpid() : 2;
  processes[1].used = 512ull << 20;
  return SUCCESS;
}

int nvmlDeviceGetMigMode(Device *device, unsigned *current, unsigned *pending) {
  if (!machine_is("divided")) return NOT_SUPPORTED;
  *current = *pending = device->id == 0;
  return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(Device *device, unsigned *count) {
  *count = 7;
  return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(Device *device, unsigned index, Device **instance) {
  if (index >= 2) return 6; /* NOT_FOUND */
  devices[INSTANCE + index].id = INSTANCE + (int)index;
  *instance = &devices[INSTANCE + index];
  return SUCCESS;
}
