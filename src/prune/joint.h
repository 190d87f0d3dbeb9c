/* joint.h (private) -- the joint score of one neuron, for what chooses among them */
#ifndef PRN_JOINT_H
#define PRN_JOINT_H

#include "group.h"
#include "libprune/joint.h"

/* Of neuron u of a layer of the scores' model, before it is divided by the mean; 0 if it is removed. The
 * aggregate has been checked. */
float prn_joint_neuron(const prune_importance *importance, size_t layer, size_t u, int32_t aggregate,
                       int32_t include_bias);

/* The mean over the neurons that are left, and a score divided by it: together they are the joint score. */
float prn_joint_mean(const prune_importance *importance, size_t layer, int32_t aggregate,
                     int32_t include_bias);
float prn_joint_over(float score, float mean);

#endif
