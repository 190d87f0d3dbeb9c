/* consumer.cc -- the installed library used from C++17
 *
 * SPDX-License-Identifier: MIT */
#include <libprune.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>

namespace {

struct Free {
    void operator()(prune_model *model) const
    {
        prune_model_free(model);
    }
    void operator()(prune_tensor *tensor) const
    {
        prune_tensor_free(tensor);
    }
    void operator()(prune_workspace *workspace) const
    {
        prune_workspace_free(workspace);
    }
};
template <class T> using Owned = std::unique_ptr<T, Free>;

void must(prune_status status)
{
    if (status != PRUNE_OK)
        throw std::runtime_error(prune_status_string(status));
}

Owned<prune_tensor> matrix(size_t rows, size_t columns, float *data)
{
    prune_tensor *tensor;
    must(prune_tensor_matrix(&tensor, nullptr, PRUNE_F32, rows, columns, data));
    return Owned<prune_tensor>(tensor);
}

/* A network of random weights and tanh at its end, so the answer lies between -1 and 1. */
float answer(float question)
{
    prune_model *raw_model;
    must(prune_model_create(&raw_model, nullptr, 1));
    const Owned<prune_model> model(raw_model);
    must(prune_model_add_dense(model.get(), 8, PRUNE_RELU));
    must(prune_model_add_dense(model.get(), 1, PRUNE_TANH));
    must(prune_model_initialize(model.get(), PRUNE_INIT_HE_NORMAL, 42));

    prune_workspace *raw_workspace;
    must(prune_workspace_create(&raw_workspace, nullptr, model.get(), 1, nullptr));
    const Owned<prune_workspace> workspace(raw_workspace);
    float result = NAN;
    const Owned<prune_tensor> x = matrix(1, 1, &question), y = matrix(1, 1, &result);
    must(prune_predict(y.get(), model.get(), workspace.get(), x.get()));
    return result;
}

/* Macros too are C++ that a strict compiler takes. */
static_assert(PRUNE_TINY_WORDS(PRUNE_TINY_DENSE(2, 3), 3, 1, PRUNE_TINY_SGD, PRUNE_TINY_MASK) ==
                  9 + 1 + 6 + 2,
              "parameters, mask, neurons, widths");

} // namespace

int main()
try {
    const float one = answer(1), again = answer(1), other = answer(2);
    std::printf("libprune %s from C++: %g\n", prune_version_string(), static_cast<double>(one));
    return one == again && one != other && std::fabs(one) < 1 ? 0 : 1;
} catch (const std::exception &error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return 1;
}
