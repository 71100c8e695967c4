/* Two homes as an FMI 2.0 co-simulation slave in C: kW, kWh, + = charge, + = export, 15 minutes; nothing can be cut.
 * A stubborn one refuses fmi2Reset. Written without the standard's headers; tests/native_fmu.py describes and packs it. */
#include <math.h>
#include <stdlib.h>

typedef struct {
    double load[2], sun[2], energy[2], done[2], asked[2], meter;
    int seed, stubborn, step;
} Plant;

enum { OK = 0, DISCARD = 2, ERROR = 3 };

static double *real_at(Plant *p, unsigned number) { return (double *)p + number; }
static int *flag_at(Plant *p, unsigned number) { return number == 11 ? &p->seed : &p->stubborn; }

static void see(Plant *p) {
    for (int i = 0; i < 2; i++) {
        double hour = fmod(0.25 * p->step, 24.0);
        double noise = fmod((p->step * 2 + i + 1) * (p->seed + 7) * 0.618033988749895, 1.0);
        p->load[i] = 0.5 + noise + (hour > 17 && hour < 22 ? 2.0 : 0.0);
        p->sun[i] = hour > 6 && hour < 18 ? 5.0 * sin((hour - 6) / 12 * 3.141592653589793) : 0.0;
    }
}

void *fmi2Instantiate(const char *name, int kind, const char *guid, const char *place, const void *back, int v, int l) {
    (void)name, (void)kind, (void)guid, (void)place, (void)back, (void)v, (void)l;
    return calloc(1, sizeof(Plant));
}
void fmi2FreeInstance(void *c) { free(c); }

int fmi2SetupExperiment(void *c, int a, double b, double d, int e, double f) {
    (void)c, (void)a, (void)b, (void)d, (void)e, (void)f;
    return OK;
}
int fmi2EnterInitializationMode(void *c) { return c ? OK : ERROR; }
int fmi2ExitInitializationMode(void *c) {
    Plant *p = c;
    p->energy[0] = 4.0, p->energy[1] = 6.0;
    see(p);
    return OK;
}
int fmi2Terminate(void *c) { return c ? OK : ERROR; }
int fmi2Reset(void *c) {
    Plant *p = c;
    if (p->stubborn) return ERROR;
    *p = (Plant){0};
    return OK;
}

int fmi2GetReal(void *c, const unsigned *numbers, size_t n, double *values) {
    for (size_t k = 0; k < n; k++) values[k] = *real_at(c, numbers[k]);
    return OK;
}
int fmi2SetReal(void *c, const unsigned *numbers, size_t n, const double *values) {
    for (size_t k = 0; k < n; k++) *real_at(c, numbers[k]) = values[k];
    return OK;
}
int fmi2SetInteger(void *c, const unsigned *numbers, size_t n, const int *values) {
    for (size_t k = 0; k < n; k++) *flag_at(c, numbers[k]) = values[k];
    return OK;
}
int fmi2SetBoolean(void *c, const unsigned *numbers, size_t n, const int *values) {
    return fmi2SetInteger(c, numbers, n, values);
}

int fmi2DoStep(void *c, double at, double length, int no_return) {
    Plant *p = c;
    (void)at, (void)no_return;
    if (fabs(length - 900.0) > 1e-6) return DISCARD;
    p->meter = 0;
    for (int i = 0; i < 2; i++) {
        double most = fmin(4.0, (10.0 - p->energy[i]) / (0.25 * 0.95)), least = -fmin(4.0, p->energy[i] * 0.95 / 0.25);
        double b = fmax(least, fmin(most, p->asked[i]));
        p->energy[i] += 0.25 * (0.95 * fmax(b, 0) - fmax(-b, 0) / 0.95);
        p->done[i] = b;
        p->meter += p->sun[i] - p->load[i] - b;
    }
    p->step++;
    see(p);
    return OK;
}

const char *fmi2GetTypesPlatform(void) { return "default"; }
const char *fmi2GetVersion(void) { return "2.0"; }

/* What the standard wants to be there and nobody calls. */
#define REFUSED(name) int name(void) { return ERROR; }
REFUSED(fmi2SetDebugLogging) REFUSED(fmi2GetInteger) REFUSED(fmi2GetBoolean) REFUSED(fmi2GetString)
REFUSED(fmi2SetString) REFUSED(fmi2GetFMUstate) REFUSED(fmi2SetFMUstate) REFUSED(fmi2FreeFMUstate)
REFUSED(fmi2SerializedFMUstateSize) REFUSED(fmi2SerializeFMUstate) REFUSED(fmi2DeSerializeFMUstate)
REFUSED(fmi2GetDirectionalDerivative) REFUSED(fmi2SetRealInputDerivatives) REFUSED(fmi2GetRealOutputDerivatives)
REFUSED(fmi2CancelStep) REFUSED(fmi2GetStatus) REFUSED(fmi2GetRealStatus) REFUSED(fmi2GetIntegerStatus)
REFUSED(fmi2GetBooleanStatus) REFUSED(fmi2GetStringStatus)
